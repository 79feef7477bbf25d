console.log('post-office: not written yet');
